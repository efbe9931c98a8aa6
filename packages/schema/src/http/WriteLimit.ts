import { HttpApiMiddleware } from "effect/http-api"
import { Failures } from "../Failures.ts"
import type { CurrentSession } from "./Authentication.ts"

/**
 * Counts the request towards the user's write limit. It covers all endpoints that change user data, except those with their own
 * limit and those that end sessions, which must always be possible.
 */
export class WriteLimit extends HttpApiMiddleware.Service<WriteLimit, { requires: CurrentSession }>()(
  "@user-service/schema/http/WriteLimit",
  { error: Failures.RateLimited }
) {}
