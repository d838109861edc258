# %%
"""A notebook cell: contacts as a table, and what they score, by where they came from."""

import pandas as pd

from wootiv import Wootiv

client = Wootiv()
contacts = client.contacts.list(limit=500, fields=["email", "metadata"])
table = pd.json_normalize([contact.to_dict() for contact in contacts]).set_index("id")
scores = table.groupby("metadata.source")["metadata.score"].agg(["count", "mean", "max"])
print(scores)
