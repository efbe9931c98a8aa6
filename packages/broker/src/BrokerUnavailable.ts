import { Schema } from "effect"

/** Nothing was published: the broker is out of reach (`away`), or takes nothing at the moment (`blocked`). */
export class BrokerUnavailable extends Schema.TaggedError<BrokerUnavailable>()("BrokerUnavailable", {
  reason: Schema.Literals(["away", "blocked"])
}) {
  override get message() {
    return this.reason === "away" ? "The message broker is out of reach" : "The message broker takes no messages"
  }
}
