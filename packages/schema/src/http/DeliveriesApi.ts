import { Channel, DeliveryStatus } from "@user-service/domain/Delivery"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { DeliveryBody } from "../Delivery.ts"
import { successPage } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Authentication } from "./Authentication.ts"
import { documented } from "./Documented.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

/** What was sent to a user, or is on its way, and how far it came. */
export class DeliveriesApi extends HttpApiGroup.make("deliveries")
  .add(
    HttpApiEndpoint.get("list", "/notifications/", {
      query: {
        ...PagingQuery,
        channel: Schema.optionalKey(Channel).annotateKey({ description: "Only notifications over this channel." }),
        status: Schema.optionalKey(DeliveryStatus).annotateKey({
          description: "Only notifications that came this far."
        })
      },
      success: successPage("Notifications retrieved successfully", DeliveryBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      documented({
        id: "listNotifications",
        summary: "List the notifications",
        description:
          "Those of the user, newest first: one for each channel it went over. Where a channel or a status is named, those " +
          "alone that have it."
      })
    )
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({
      title: "Notifications",
      description: "What was sent to a user, or is on its way, and how far it came."
    })
  ) {}
