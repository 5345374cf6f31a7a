"""Detection as a task: photos with labelled boxes in; a model that finds and counts the objects out."""
