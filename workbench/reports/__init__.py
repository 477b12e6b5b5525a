"""Reports: run a notebook, draw its page, write its workbook, publish all three; never given a Desk."""
