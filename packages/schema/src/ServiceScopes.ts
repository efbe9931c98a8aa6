import type { ServiceScope } from "@user-service/domain/ServiceAccess"
import { Context } from "effect"

/** The scope that a procedure or an endpoint of the service side asks of a key. One that names none opens to nobody. */
export const RequiredScope = Context.Reference<ServiceScope | undefined>(
  "@user-service/schema/ServiceScopes/RequiredScope",
  { defaultValue: () => undefined }
)
