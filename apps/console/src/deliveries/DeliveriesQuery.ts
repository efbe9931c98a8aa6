import { NotificationId } from "@user-service/domain/Delivery"
import type { ExplainedNotificationBody } from "@user-service/schema/DeliveryExplanation"
import { queryOptions } from "@tanstack/react-query"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

/** What is recorded of a notification to a user over a channel. */
export type RecordedDelivery = (typeof ExplainedNotificationBody.Type)["deliveries"][number]

/** The notification in the query of a link. */
export const notificationIn = linkParts(Schema.Struct({ notification_id: linkPart(Schema.NonEmptyString) }))

const decodeQuery = decodeInput(Schema.Struct({ notification_id: NotificationId }))

/** What is recorded of a notification, and of no notification if the id is empty. */
export const deliveriesQuery = (notificationId: string) =>
  queryOptions({
    queryKey: ["deliveries", notificationId],
    enabled: notificationId !== "",
    queryFn: ({ signal }) =>
      run(
        Effect.flatMap(decodeQuery({ notification_id: notificationId }), (query) =>
          api["admin-why"].recorded({ query })
        ),
        signal
      )
  })
