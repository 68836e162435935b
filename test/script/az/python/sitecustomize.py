"""Makes Debian's az find the attribute that Debian's azure-mgmt-authorization has renamed.

Without it every "az role" command of azure-cli 2.45.0-1 ends with an AttributeError before
its first request. It changes nothing of what is sent or understood.
"""
import importlib
import pkgutil

import azure.mgmt.authorization as authorization

for module in pkgutil.iter_modules(authorization.__path__):
    if not module.name.startswith("v20"):
        continue
    operations = importlib.import_module(f"azure.mgmt.authorization.{module.name}.operations")
    for name in ("RoleAssignmentsOperations", "RoleDefinitionsOperations"):
        kind = getattr(operations, name, None)
        if kind is not None and not hasattr(kind, "config"):
            kind.config = property(lambda self: self._config)
