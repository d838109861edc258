"""The shapes of answers, and the dictionaries that arguments are typed with."""

from wootiv.api.contacts import Contact, ContactChanges, ContactGroup, NewContact, NewContactGroup
from wootiv.api.shapes import Audit, ListQuery, Read, Workspace
from wootiv.api.storage import Buckets, FilesToUpload, FileToPost, FileToUpload, SignedFile, SignedPost, StoredFile
from wootiv.message import FileContent, FileInput
from wootiv.wire.shape import Shape

__all__ = [
    "Audit",
    "Buckets",
    "Contact",
    "ContactChanges",
    "ContactGroup",
    "FileContent",
    "FileInput",
    "FileToPost",
    "FileToUpload",
    "FilesToUpload",
    "ListQuery",
    "NewContact",
    "NewContactGroup",
    "Read",
    "Shape",
    "SignedFile",
    "SignedPost",
    "StoredFile",
    "Workspace",
]
