"""From attempts to marks, and on to the learning platform.

settings    what course.toml says
roster      who is in the course, and whose a submission is
policy      which attempt counts, what lateness costs, where grace days go
tables      the gradebook: one row a student, one row a check, or as Canvas imports it
gradescope  a zip that grades on Gradescope, and what it runs there
"""
