import { Schema } from "effect"

/** Nothing was published. The broker is unreachable (`away`) or has blocked publishers (`blocked`). */
export class BrokerUnavailable extends Schema.TaggedError<BrokerUnavailable>()("BrokerUnavailable", {
  reason: Schema.Literals(["away", "blocked"])
}) {
  override get message() {
    return this.reason === "away" ? "The message broker is out of reach" : "The message broker takes no messages"
  }
}
