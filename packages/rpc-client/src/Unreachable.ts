import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { InternalError } from "@user-service/schema/rpc/UserServiceRpc"
import { Schema } from "effect"

/**
 * There was no answer to go by. Whether the call was carried out is not known; every call of this client may be made again,
 * a delivery under its own id.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  reason: Schema.Literals([
    /** Nothing listens there, or the connection broke. */
    "connection",
    /** No answer within the time there is for one. */
    "timeout",
    /** Not asked: too many calls went unanswered just before. */
    "circuit_open",
    /** Something answered that is not the service, as a proxy does. */
    "answer"
  ]),
  detail: Schema.String
}) {
  override get message() {
    return `The user service gave no answer (${this.reason}): ${this.detail}`
  }
}

/** How any call may fail, whatever it is for. */
export type CallFailure =
  | Unreachable
  /** The service cannot do without an engine that is away; tried again before it is told. */
  | ServiceUnavailable
  /** The key has made too many calls; waited for before it is told, where the wait is short. */
  | RateLimited
  /** The key is absent, unknown or expired. */
  | Unauthenticated
  /** The key is good, but not for this. */
  | ForbiddenScope
  /** A mistake of the service's. */
  | InternalError
