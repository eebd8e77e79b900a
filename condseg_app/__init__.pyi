from condseg_app.api import Masks as Masks
from condseg_app.api import annotation as annotation
from condseg_app.api import evaluate as evaluate
from condseg_app.api import load_model as load_model
from condseg_app.api import models as models
from condseg_app.api import predict as predict
from condseg_app.api import read_image as read_image
from condseg_app.api import read_label_map as read_label_map
from condseg_app.api import save_model as save_model
from condseg_app.api import teach as teach
from condseg_app.api import train as train

__version__: str
