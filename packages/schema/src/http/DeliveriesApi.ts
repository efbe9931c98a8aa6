import { Channel, DeliveryStatus } from "@user-service/domain/Delivery"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { DeliveryBody } from "../Delivery.ts"
import { successPage } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

/** The notifications to a user and their statuses. */
export class DeliveriesApi extends HttpApiGroup.make("deliveries")
  .add(
    HttpApiEndpoint.get("list", "/notifications/", {
      query: {
        ...PagingQuery,
        channel: Schema.optionalKey(Channel).annotateKey({ description: "Only notifications over this channel." }),
        status: Schema.optionalKey(DeliveryStatus).annotateKey({
          description: "Only notifications with this status."
        })
      },
      success: successPage("Notifications retrieved successfully", DeliveryBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      describeOperation({
        id: "listNotifications",
        summary: "List the notifications",
        description:
          "The user's notifications, newest first, with one entry per notification and channel. `channel` and `status` " +
          "filter the list."
      })
    )
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({
      title: "Notifications",
      description: "The notifications to a user and their statuses."
    })
  ) {}
