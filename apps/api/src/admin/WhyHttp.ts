import { DeliveryExplanations } from "@user-service/core/deliveries/DeliveryExplanations"
import { explainedDecisionBody, explainedNotificationBody } from "@user-service/schema/DeliveryExplanation"
import { InvalidInput } from "@user-service/schema/Failures"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { userOf } from "./StaffActs.ts"

/** {@link WhyApi} on the explanations of deliveries. */
export const WhyHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-why",
  Effect.fn(function* (handlers) {
    const explanations = yield* DeliveryExplanations
    return handlers.handleAll({
      explain: Effect.fnUntraced(function* ({ params, query }) {
        const userId = yield* userOf(params)
        const decision = yield* explanations
          .explain(userId, query)
          .pipe(
            Effect.catchTag("DeliveryTimeOutOfReach", ({ message }) =>
              Effect.fail(new InvalidInput({ problems: { at: [message] } }))
            )
          )
        return explainedDecisionBody(decision)
      }),
      recorded: ({ query }) => Effect.map(explanations.recorded(query.notification_id), explainedNotificationBody)
    })
  })
).pipe(narrowContext(DeliveryExplanations), Layer.provide(DeliveryExplanations.layer))
