import type { ServiceScope } from "@user-service/domain/ServiceAccess"
import { Context } from "effect"

/** The header of a service key, of an HTTP request or of an RPC message in it; the latter's where both have one. */
export const apiKeyHeader = "x-api-key"

/** The scope that a procedure or an endpoint of the service side asks of a key. One that names none opens to nobody. */
export const RequiredScope = Context.Reference<ServiceScope | undefined>(
  "@user-service/schema/ServiceScopes/RequiredScope",
  { defaultValue: () => undefined }
)
