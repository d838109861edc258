"""Accounts: signing up, logging in, fresh tokens, and ways back in for who has forgotten a name or password."""

from typing import Annotated, NotRequired, TypedDict, Unpack

from wootiv.call import Options
from wootiv.operation import GET, PATCH, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, Mark, Shape


class Tokens(Shape, frozen=True):
    """What a user proves himself with."""

    access_token: Annotated[str, Mark.SECRET] = LEFT_OUT
    """The bearer token of later requests: an `api_key` for a client."""
    refresh_token: Annotated[str, Mark.SECRET] = LEFT_OUT
    """Traded for new tokens."""
    sub: str = LEFT_OUT
    """Id of the user whom the tokens belong to."""


class Account(Shape, frozen=True):
    """A user's account, in short."""

    email: str = LEFT_OUT
    sub: str = LEFT_OUT
    """Id of the user."""


class Credentials(TypedDict):
    """What a user logs in with."""

    username: str
    password: Annotated[str, Mark.SECRET]


class NewAccount(TypedDict):
    """An account to make."""

    email: str
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    password: Annotated[str, Mark.SECRET]
    phone_number: NotRequired[str]
    plan: str
    """The plan to try."""


class BillingQuery(TypedDict):
    """Whose billing is verified."""

    sub: Annotated[str, Mark.QUERY]
    """Id of the user."""


class TokenToRefresh(TypedDict):
    """A refresh token to trade."""

    refresh_token: Annotated[str, Mark.SECRET]


class Mailed(TypedDict):
    """The address that the mail goes to."""

    email: str


class NewPassword(TypedDict):
    """A password to set, and the passcode that allows it."""

    new_password: Annotated[str, Mark.SECRET]
    passcode: Annotated[str, Mark.SECRET]


class Login(Credentials, Options):
    """Arguments of `auth.login`."""


class Signup(NewAccount, Options):
    """Arguments of `auth.signup`."""


class VerifyBilling(BillingQuery, Options):
    """Arguments of `auth.verify_billing`."""


class RefreshToken(TokenToRefresh, Options):
    """Arguments of `auth.token.refresh`."""


class RecoverAccount(Mailed, Options):
    """Arguments of `auth.recovery.login.create` and `auth.recovery.password.create`."""


class SetPassword(NewPassword, Options):
    """Arguments of `auth.recovery.password.update`."""


class AuthTokens(Resource[M]):
    """Tokens of a user who has logged in."""

    @POST("/auth/token/refresh")
    def refresh(self, **token: Unpack[RefreshToken]) -> Tokens:
        """Trade a refresh token for new tokens; the old one stays good until it expires.

        Source: Rockets' refresh guard, which answers a bad or expired token with 500, not 401.
        """
        ...


class LoginRecovery(Resource[M]):
    """The way back in for who has forgotten the username."""

    @POST("/auth/recovery/login")
    def create(self, **mailed: Unpack[RecoverAccount]) -> None:
        """Have the username mailed; nothing tells whether the address is known."""
        ...


class PasswordRecovery(Resource[M]):
    """The way back in for who has forgotten the password."""

    @POST("/auth/recovery/password")
    def create(self, **mailed: Unpack[RecoverAccount]) -> None:
        """Have a passcode mailed that resets the password; nothing tells whether the address is known."""
        ...

    @PATCH("/auth/recovery/password")
    def update(self, **new: Unpack[SetPassword]) -> None:
        """Set a new password with a mailed passcode; raises `BadRequestError` if that is not good."""
        ...


class PasscodeRecovery(Resource[M]):
    """Passcodes that were mailed."""

    @GET("/auth/recovery/passcode/{passcode}")
    def retrieve(self, passcode: Annotated[str, Mark.SECRET], **options: Unpack[Options]) -> None:
        """Check a mailed passcode, which stays good; raises `NotFoundError` if it is not."""
        ...


class Recovery(Resource[M]):
    """Ways back into an account."""

    login: LoginRecovery[M]
    password: PasswordRecovery[M]
    passcode: PasscodeRecovery[M]


class Auth(Resource[M]):
    """Accounts and their tokens."""

    token: AuthTokens[M]
    recovery: Recovery[M]

    @POST("/auth/login")
    def login(self, **credentials: Unpack[Login]) -> Tokens:
        """Log a user in; raises `AuthenticationError` if name or password is wrong."""
        ...

    @POST("/auth/signup")
    def signup(self, **new: Unpack[Signup]) -> Account:
        """Make an account."""
        ...

    @POST("/auth/verify_billing")
    def verify_billing(self, **of: Unpack[VerifyBilling]) -> Account:
        """Check that an account has paid."""
        ...
