import { HttpApiMiddleware } from "effect/http-api"
import { Failures } from "../Failures.ts"
import type { CurrentSession } from "./Authentication.ts"

/**
 * Counts the request against the limit of the user's writes: on every endpoint that changes something for a user, but those
 * that have a limit of their own and those that end sessions, which nobody may be kept from.
 */
export class WriteLimit extends HttpApiMiddleware.Service<WriteLimit, { requires: CurrentSession }>()(
  "@user-service/schema/http/WriteLimit",
  { error: Failures.RateLimited }
) {}
