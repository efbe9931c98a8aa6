import type { ServiceScope } from "@user-service/domain/ServiceAccess"
import { Context } from "effect"

/** The header of the service key, in an HTTP request or in an RPC message. The one in the message takes precedence. */
export const apiKeyHeader = "x-api-key"

/** The scope that an endpoint or procedure of the service side requires. Without one, every key is refused. */
export const RequiredScope = Context.Reference<ServiceScope | undefined>(
  "@user-service/schema/ServiceScopes/RequiredScope",
  { defaultValue: () => undefined }
)
