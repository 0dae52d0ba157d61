"""What a program with py-consul does. Arguments: host, port. Prints `ok NAME` for each step; fails at the first wrong one."""
import base64
import sys
import threading

import consul

host, port = sys.argv[1], int(sys.argv[2])
c = consul.Consul(host=host, port=port)


def step(name, fact):
    if not fact:
        sys.exit("failed: " + name)
    print("ok " + name)


step("leader", c.status.leader().startswith("127.0.0.1:"))

step("put", c.kv.put("py/a", "one", flags=7) is True)
index, entry = c.kv.get("py/a")
step("get", entry["Value"] == b"one" and entry["Flags"] == 7 and int(index) > 0)
step("missing", c.kv.get("py/nothing")[1] is None)
step("cas refused", c.kv.put("py/a", "two", cas=1) is False)
step("cas taken", c.kv.put("py/a", "two", cas=entry["ModifyIndex"]) is True)
c.kv.put("py/b/c", "x")
step("keys", c.kv.get("py/", keys=True, separator="/")[1] == ["py/a", "py/b/"])
step("recurse", [e["Key"] for e in c.kv.get("py/", recurse=True)[1]] == ["py/a", "py/b/c"])

index, _ = c.kv.get("py/a")
writer = threading.Timer(0.2, lambda: consul.Consul(host=host, port=port).kv.put("py/a", "three"))
writer.start()
after, entry = c.kv.get("py/a", index=index, wait="20s")
writer.join()
step("blocking", entry["Value"] == b"three" and int(after) > int(index))

session = c.session.create(name="py", ttl=30, behavior="delete")
step("lock", c.kv.put("py/lock", "mine", acquire=session) is True)
other = c.session.create()
step("lock refused", c.kv.put("py/lock", "yours", acquire=other) is False)
step("renew", c.session.renew(session)["ID"] == session)
step("unlock", c.kv.put("py/lock", "mine", release=session) is True)
c.session.destroy(session)
c.session.destroy(other)

value = base64.b64encode(b"txn").decode()
result = c.txn.put([{"KV": {"Verb": "set", "Key": "py/t", "Value": value}}, {"KV": {"Verb": "get", "Key": "py/t"}}])
step("txn", [r["KV"]["Key"] for r in result["Results"]] == ["py/t", "py/t"])

check = consul.Check.ttl("60s")
step("register", c.agent.service.register("pyweb", service_id="pyweb1", address="10.1.1.1", port=80, tags=["a"], check=check))
c.agent.check.ttl_pass("service:pyweb1", "fine")
_, nodes = c.health.service("pyweb", passing=True)
step("health", [n["Service"]["ID"] for n in nodes] == ["pyweb1"])
step("catalog", c.catalog.services()[1]["pyweb"] == ["a"])
step("node", len(c.catalog.node(nodes[0]["Node"]["Node"])[1]["Services"]) >= 2)
step("state", any(k["CheckID"] == "service:pyweb1" for k in c.health.state("passing")[1]))
step("deregister", c.agent.service.deregister("pyweb1"))
step("gone", c.health.service("pyweb")[1] == [])

step("event", c.event.fire("deploy", "42")["Name"] == "deploy")
step("delete", c.kv.delete("py/", recurse=True) is True and c.kv.get("py/", recurse=True)[1] is None)
print("done")
