"""A script: merge one contact group into another, with `python merge_groups.py "Leads (old)" Leads`."""

import sys

from wootiv import Wootiv

with Wootiv() as client:
    old, new = (client.contact_group.list(s={"groupName": name}).data[0] for name in sys.argv[1:])
    for contact in client.contacts.list(s={"contactGroupId": old.id}):
        client.contacts.update(contact.id, contact_group_id=new.id)
        print(f"{contact.email} is now in {new.group_name}")
    client.contact_group.delete(old.id)
