import { Schema } from "effect"

/** What a service key may open: each is a part of what other services can ask for. */
export const ServiceScope = Schema.Literals(["introspect", "users", "tokens", "deliveries"])
export type ServiceScope = typeof ServiceScope.Type

/** Who asked did not show a service key that is good: none, one that nobody has, or one whose time is over. */
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

/** The service key is good, but not for this. */
export class ForbiddenScope extends Schema.TaggedError<ForbiddenScope>()(
  "ForbiddenScope",
  { scope: ServiceScope },
  { httpApiStatus: 403 }
) {
  override get message() {
    return `The API key lacks the scope "${this.scope}"`
  }
}
