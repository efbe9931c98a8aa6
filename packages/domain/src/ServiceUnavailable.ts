import { Schema } from "effect"

/**
 * An engine the request cannot do without is out of reach, or a bounded queue is full. Nothing was changed;
 * the same request may be sent again after `retryAfterSeconds` (RFC 9110, section 10.2.3).
 */
export class ServiceUnavailable extends Schema.TaggedError<ServiceUnavailable>()(
  "ServiceUnavailable",
  {
    /** What is missing, in a word an operator knows: `database`, `password hashing`. */
    what: Schema.String,
    retryAfterSeconds: Schema.Int
  },
  { httpApiStatus: 503 }
) {
  override get message() {
    return `The ${this.what} is not available, try again in ${this.retryAfterSeconds} s`
  }
}
