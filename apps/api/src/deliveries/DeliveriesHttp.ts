import { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { deliveryBody } from "@user-service/schema/Delivery"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { pageRequest } from "@user-service/schema/http/Paging"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

/** {@link DeliveriesApi} on the delivery service. */
export const DeliveriesHttp = HttpApiBuilder.group(
  UserServiceApi,
  "deliveries",
  Effect.fn(function* (handlers) {
    const deliveries = yield* Deliveries
    return handlers.handleAll({
      list: Effect.fnUntraced(function* ({ query }) {
        const { userId } = yield* CurrentSession
        const request = pageRequest(query)
        const { items, total } = yield* deliveries.page(userId, query, request)
        return { items: items.map(deliveryBody), total, request }
      })
    })
  })
).pipe(narrowContext(Deliveries), Layer.provide(Deliveries.layer))
