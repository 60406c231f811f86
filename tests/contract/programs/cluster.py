"""The cluster, where there is none."""

import pylxd

client = pylxd.Client()
cluster = client.cluster.get()
print("cluster:", type(cluster).__name__, repr(cluster.server_name), cluster.enabled)
print("to join:", sorted({each["entity"] + "." + each["key"] for each in cluster.member_config}))
print("fields:", sorted(dict(cluster)))
print("clustered:", client.server_clustered)
print("equal:", cluster == client.cluster.get(), cluster == client.projects.get("default"))
print("dirty:", cluster.dirty)
for label, ask in (
    ("members", client.cluster.members.all),
    ("of the cluster", cluster.members.all),
    ("member", lambda: client.cluster.members.get("n1")),
    ("certificate", lambda: client.cluster.certificate.put("no certificate", "no key")),
):
    try:
        print(label + ":", ask())
    except pylxd.exceptions.LXDAPIException as error:
        print(label + ":", type(error).__name__, error)
