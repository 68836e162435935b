"""An ordinary Azure program: a credential of azure.identity and PyMySQL, nothing of midas.

client.py query SQL   signs in with a token and prints the account and the first value
client.py manage SUB  prints the identities, machines and role assignments that it may see

CREDENTIAL is managed, default or workload; IDENTITY is client:ID, object:ID, resource:ID
or empty for the one that the credential chooses.
"""
import os
import ssl
import sys

import pymysql
from azure.identity import ClientAssertionCredential, DefaultAzureCredential, ManagedIdentityCredential

env = os.environ


def credential():
    kind = env.get("CREDENTIAL", "managed")
    if kind == "default":
        return DefaultAzureCredential()
    if kind == "workload":
        with open(env["AZURE_FEDERATED_TOKEN_FILE"], encoding="ascii") as file:
            assertion = file.read().strip()
        return ClientAssertionCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], lambda: assertion)
    how, _, name = env.get("IDENTITY", "").partition(":")
    if how == "client":
        return ManagedIdentityCredential(client_id=name)
    if how:
        return ManagedIdentityCredential(identity_config={{"object": "object_id", "resource": env.get("RESOURCE_WORD", "msi_res_id")}[how]: name})
    return ManagedIdentityCredential()


def query(statement):
    token = credential().get_token("https://ossrdbms-aad.database.windows.net/.default").token
    connection = pymysql.connect(
        host=env["MYSQL_HOST"], port=int(env["MYSQL_TCP_PORT"]), user=env["MYSQL_USER"], password=token,
        database=env["MYSQL_DATABASE"], ssl=ssl.create_default_context(),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        (user,) = cursor.fetchone()
        cursor.execute(statement)
        (answer,) = cursor.fetchone()
    print(f"{user}\t{answer}")


def manage(subscription):
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.msi import ManagedServiceIdentityClient

    who = credential()
    identities = ManagedServiceIdentityClient(who, subscription).user_assigned_identities.list_by_subscription()
    machines = ComputeManagementClient(who, subscription).virtual_machines.list_all()
    assignments = AuthorizationManagementClient(who, subscription).role_assignments.list_for_subscription()
    print("identities", *[i.name for i in identities])
    print("machines", *[m.name for m in machines])
    print("assignments", len(list(assignments)))


{"query": query, "manage": manage}[sys.argv[1]](sys.argv[2])
