"""Files: signed addresses to send them to and fetch them from, and uploads through the service."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict, Unpack

from wootiv.call import Options
from wootiv.message import FileInput
from wootiv.operation import GET, POST, M, Resource
from wootiv.wire.shape import LEFT_OUT, Mark, Shape

FilePart = Annotated[FileInput, Mark.FILE]


class SignedPost(Shape, frozen=True):
    """Where a file can be posted to S3, and with which fields. Whoever holds these may upload."""

    fields: Annotated[dict[str, str], Mark.SECRET] = LEFT_OUT
    """Form fields to send before the file, unchanged and in this order."""
    url: str = LEFT_OUT


class Buckets(Shape, frozen=True):
    """The buckets that the service's key can see."""

    buckets: list[Any] = LEFT_OUT


class SignedFile(Shape, frozen=True):
    """A signed address of one stored file. Whoever holds it may fetch the file."""

    signed_url: Annotated[str, Mark.SECRET] = LEFT_OUT


class StoredFile(Shape, frozen=True):
    """Where an uploaded file was stored."""

    base_url: str = LEFT_OUT
    filename: str = LEFT_OUT
    mime: str = LEFT_OUT
    path: str = LEFT_OUT
    path_with_filename: str = LEFT_OUT
    signed_url: Annotated[str, Mark.SECRET] = LEFT_OUT


class FileToPost(TypedDict):
    """A file that is to be posted to S3."""

    filename: str


class FileToUpload(TypedDict, total=False):
    """A file for the service to store, and the folder to store it in."""

    file: Annotated[FileInput, Mark.FILE]
    path: str


class FilesToUpload(TypedDict, total=False):
    """Files for the service to store, and the folder to store them in."""

    bulk: Annotated[Sequence[FilePart], Mark.FILE]
    path: str


class CreateSignedPutUrl(FileToPost, Options):
    """Arguments of `aws.create_signed_put_url`."""


class Upload(FileToUpload, Options):
    """Arguments of `aws.buckets.upload`."""


class BulkUpload(FilesToUpload, Options):
    """Arguments of `aws.buckets.bulk_upload`."""


class Health(Resource[M]):
    """The bucket store's health."""

    @GET("/aws/buckets/health")
    def retrieve(self, **options: Unpack[Options]) -> None:
        """Tell whether the bucket store answers; raises `APIStatusError` if not."""
        ...


class BucketStore(Resource[M]):
    """Files that the service stores."""

    health: Health[M]

    @POST("/aws/buckets/upload")
    def upload(self, **upload: Unpack[Upload]) -> StoredFile:
        """Upload a file through the service: bytes, a path, an open file, or `(name, content[, type[, headers]])`."""
        ...

    @POST("/aws/buckets/bulk_upload")
    def bulk_upload(self, **upload: Unpack[BulkUpload]) -> list[StoredFile]:
        """Upload files through the service, all in one request; the answer has their order."""
        ...

    @GET("/aws/buckets/{filename}")
    def retrieve_file(self, filename: str, **options: Unpack[Options]) -> SignedFile:
        """Get a signed address of a file."""
        ...

    @GET("/aws/buckets/{pathname}/{filename}")
    def retrieve_file_in_path(self, filename: str, *, pathname: str, **options: Unpack[Options]) -> SignedFile:
        """Get a signed address of a file in a folder."""
        ...

    @GET("/aws/buckets")
    def list(self, **options: Unpack[Options]) -> Buckets:
        """List buckets."""
        ...


class Objects(Resource[M]):
    """Stored objects."""

    @GET("/aws/objects")
    def list(self, **options: Unpack[Options]) -> Any:
        """List stored objects; the API declares no shape for them, so they come as plain data."""
        ...


class Aws(Resource[M]):
    """Files on S3."""

    buckets: BucketStore[M]
    objects: Objects[M]

    @POST("/aws/get-signed-put-url")
    def create_signed_put_url(self, **new: Unpack[CreateSignedPutUrl]) -> SignedPost:
        """Get an address and fields with which a file can be posted to S3."""
        ...
