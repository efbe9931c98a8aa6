import { Schema } from "effect"

/**
 * A required engine is unreachable, or a bounded queue is full. Nothing was changed. The same request may be retried after
 * `retryAfterSeconds` (RFC 9110, section 10.2.3).
 */
export class ServiceUnavailable extends Schema.TaggedError<ServiceUnavailable>()(
  "ServiceUnavailable",
  {
    /** The unavailable part, in an operator's terms: `database`, `password hashing`. */
    what: Schema.String,
    retryAfterSeconds: Schema.Int
  },
  { httpApiStatus: 503 }
) {
  override get message() {
    return `The ${this.what} is not available, try again in ${this.retryAfterSeconds} s`
  }
}
