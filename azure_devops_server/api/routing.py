"""The routes of the organization; each module of handlers adds its own with the decorator `route`."""

from __future__ import annotations

from azure_devops_server.http.router import Router
from azure_devops_server.organization import Organization

ROUTER: Router[Organization] = Router()
route = ROUTER.add
