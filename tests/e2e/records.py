"""What the function `recorder` was given: it leaves each event in a bucket that the test can read."""
import json


class Records:
    def __init__(self, daemon):
        self.folder = daemon.folder / "records"
        self.folder.mkdir(exist_ok=True)
        # A function's workers run as users of their own; who may write is the mount's business, not the folder's.
        self.folder.chmod(0o777)
        daemon.put_bucket("records", self.folder)

    @staticmethod
    def mount(*others):
        """The function's own settings: this bucket to write, and what else it needs."""
        return {"Buckets": [{"Bucket": "records", "Writable": True}, *others]}

    def read(self):
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]
