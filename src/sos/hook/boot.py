"""Start of the hook under `python -I -S`: no site-packages but our own, no module that is not needed."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sos.hook.run import main  # the path must be there first

sys.stdout.flush()
os._exit(main(sys.argv[1:]))
