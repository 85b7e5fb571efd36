#pragma once
// TODO: later
// a to-do list is fine; TODOs and FIXMEs as words in a sentence are other words
// FIXME
