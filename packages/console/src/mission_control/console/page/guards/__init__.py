"""What stands between a request and the page: where it may come from, whose it is, and how answers are sealed.

`hosts` refuses names that are not ours, `origins` changes that another site asks for, `sessions` says who has shown the
token and signs forms, `login` lets them in, `form` reads what a form sends, and `headers` seals each answer.
"""

from .form import Form, read_form
from .gate import SESSION, Gate, session_cookie
from .headers import SealedHeaders
from .hosts import ANY, TrustedHosts, is_loopback
from .login import Attempts
from .origins import is_from_here
from .sessions import Sessions, form_token, is_form_token

__all__ = [
    "ANY",
    "SESSION",
    "Attempts",
    "Form",
    "Gate",
    "SealedHeaders",
    "Sessions",
    "TrustedHosts",
    "form_token",
    "is_form_token",
    "is_from_here",
    "is_loopback",
    "read_form",
    "session_cookie",
]
