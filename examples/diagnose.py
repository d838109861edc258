"""For operations: ask through a proxy, and show what is known of the answer; `python diagnose.py http://proxy:8080`."""

import sys

from wootiv import APIError, Wootiv, calls

with Wootiv(proxies=sys.argv[1], timeout=10) as client:
    try:
        response = client.send(calls.contacts.list(limit=1))
    except APIError as error:
        sys.exit(f"{error}: {error.attempts}")
print(response.status_code, response.request, response.request_id, response.headers["content-type"])
for attempt in response.attempts:
    print(f"attempt {attempt.number}: {attempt.status or attempt.error} after {attempt.elapsed:.3f} s")
print(f"{response.parse().total} contacts; what the server sends of one: {', '.join(response.json()['data'][0])}")
