import { Schema } from "effect"

/** The scopes of a service key. Each permits a part of the service-side API. */
export const ServiceScope = Schema.Literals(["introspect", "users", "tokens", "deliveries"])
export type ServiceScope = typeof ServiceScope.Type

/** The request has no valid service key: it is missing, unknown or expired. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()(
  "Unauthenticated",
  { reason: Schema.Literals(["missing", "unknown", "expired"]) },
  { httpApiStatus: 401 }
) {
  override get message() {
    switch (this.reason) {
      case "missing":
        return "An API key was not provided"
      case "unknown":
        return "The API key is not valid"
      case "expired":
        return "The API key has expired"
    }
  }
}

/** The service key lacks the required scope. */
export class ForbiddenScope extends Schema.TaggedError<ForbiddenScope>()(
  "ForbiddenScope",
  { scope: ServiceScope },
  { httpApiStatus: 403 }
) {
  override get message() {
    return `The API key lacks the scope "${this.scope}"`
  }
}
