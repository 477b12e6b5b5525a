"""Reports: run a notebook, draw its page, write its workbook, publish both. Takes paths and frames, never a Desk."""
