"""Who may come: certificates and tokens."""

import pylxd

client = pylxd.Client()
print("trusted:", client.trusted)
print("host:", client.host_info["api_version"], client.host_info["auth"], client.server_clustered, client.project)
print("certificate of this client:", client.cert)
print("hardware:", client.resources["cpu"]["total"] > 0)
print("websockets:", client.websocket_url.startswith("ws+unix://"))
print("authenticate:", client.authenticate("anything"))
before = client.certificates.all()
print("types:", [each.type for each in before])
pem = client.host_info["environment"]["certificate"]
made = client.certificates.create("", pem.encode(), name="laptop", projects=["default"], restricted=True)
print("created:", type(made).__name__, made.fingerprint == client.host_info["environment"]["certificate_fingerprint"])
got = client.certificates.get(made.fingerprint)
print("got:", got.name, got.type, got.projects, got.restricted, got.certificate == pem)
print("fields:", sorted(dict(got)))
print("all:", len(client.certificates.all()) - len(before))
got.name = "desktop"
got.restricted = False
got.save()
print("saved:", client.certificates.get(made.fingerprint).name, client.certificates.get(made.fingerprint).restricted)
print("delete:", got.delete(), len(client.certificates.all()) - len(before))
token = client.certificates.create_token(name="other", projects=["default"], restricted=True)
print("token:", type(token).__name__, len(token) > 100)
