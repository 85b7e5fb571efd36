def test_this(): pass
