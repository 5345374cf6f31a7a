"""A task that only the tests know: how bright a photo is, one number from 0 to 1. It shows what a task has to bring."""
