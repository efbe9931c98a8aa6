import { Category, Channel, NotificationId } from "@user-service/domain/Delivery"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ExplainedDecisionBody, ExplainedNotificationBody } from "../../DeliveryExplanation.ts"
import { success } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { Id } from "../../Id.ts"
import { requiredField, TimeInput } from "../../Input.ts"
import { describeOperation } from "../OperationDescription.ts"
import { Validation } from "../Validation.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

// The description of a transformed field is that of its text.
const timeOfSending = Schema.flip(
  Schema.flip(TimeInput).annotate({ description: "When it would be sent, within 30 days of now. Defaults to now." })
)

/** Explanations of decisions on deliveries: why a user did not get a notification. */
export class WhyApi extends HttpApiGroup.make("admin-why")
  .add(
    HttpApiEndpoint.get("explain", "/users/:id/why/", {
      params: { id: Id.annotate({ description: "The id of a user." }) },
      query: {
        channel: Channel.annotateKey({ ...requiredField, description: "The channel of the notification." }),
        category: Category.annotateKey({ ...requiredField, description: "The category of the notification." }),
        at: Schema.optionalKey(timeOfSending)
      },
      success: success("Decision explained successfully", ExplainedDecisionBody),
      error: [Failures.InvalidInput, Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "explainDecision",
          summary: "Explain the decision on a new notification",
          description:
            "Decides on a notification to the user as a sender's call would, and explains the decision by all rules in order. " +
            "Nothing is charged or recorded. Role: viewer."
        })
      ),
    HttpApiEndpoint.get("recorded", "/deliveries/", {
      query: {
        notification_id: NotificationId.annotateKey({
          ...requiredField,
          description: "The sender's id of the notification."
        })
      },
      success: success("Notification explained successfully", ExplainedNotificationBody),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "explainNotification",
          summary: "Explain what happened to a notification",
          description:
            "The recorded decisions on the notification, with the values on which they were made, and the statuses of its " +
            "deliveries. A refused notification is recorded for 14 days, if its sender named it. Role: viewer."
        })
      )
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(
    OpenApi.annotations({
      title: "Staff: why",
      description: "Why a user did, or did not, get a notification."
    })
  ) {}
