# /// script
# requires-python = ">=3.8"
# dependencies = [
#   "six==1.16.0",
#   "zipp=1",
# ]
# ///
