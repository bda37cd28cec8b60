"""The part of the composition root for sign-in: the identity provider and the sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.access.sessions import SessionDesk
from services.access.tokens import Callers, TokenDesk
from services.clock import RandomIds, SystemClock
from services.database.unit import Units
from services.domain.identity.people import Role
from services.domain.identity.sessions import SessionRules
from services.domain.policy import Governance
from services.ports.identity import IdentityProvider
from services.settings import Settings


@dataclass(frozen=True)
class AccessTools:
    """Tokens and sessions, for the command line."""

    tokens: TokenDesk
    sessions: SessionDesk


def open_tokens(units: Units) -> TokenDesk:
    """Service tokens."""
    return TokenDesk(units, clock=SystemClock(), ids=RandomIds())


def open_callers(settings: Settings, units: Units, provider: IdentityProvider | None) -> Callers:
    """Who calls the API."""
    return Callers(open_tokens(units), provider, has_audience=bool(settings.oidc_api_audience))


def open_provider(settings: Settings, governance: Governance) -> IdentityProvider | None:
    """The identity provider, or None if none is set."""
    if not settings.oidc_issuer:
        return None
    from services.adapters.oidc.config import OidcConfig
    from services.adapters.oidc.provider import OidcProvider

    return OidcProvider(
        OidcConfig(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            redirect_uri=f"{settings.address}/sign-in/callback",
            after_sign_out=f"{settings.address}/signed-out",
            session_secret=settings.session_secret,
            groups={Role(role): groups for role, groups in governance.groups.items()},
            named_groups=governance.named_groups(),
            scopes=settings.oidc_scopes,
            groups_claim=settings.oidc_groups_claim,
            person_claim=settings.oidc_person_claim,
            graph_url=settings.oidc_graph_url,
            api_audience=settings.oidc_api_audience,
            seconds=settings.oidc_timeout,
        )
    )


def open_sessions(settings: Settings, units: Units) -> SessionDesk:
    """Sessions with the settings' rules; roles go stale only if a provider gives them."""
    rules = SessionRules(
        max_age=timedelta(seconds=settings.session_max_age),
        idle=timedelta(seconds=settings.session_idle),
        roles_max_age=timedelta(seconds=settings.roles_max_age) if settings.oidc_issuer else None,
        issuer=settings.oidc_issuer,
    )
    return SessionDesk(units, SystemClock(), rules=rules, reread_every=timedelta(seconds=settings.roles_refresh))
