import { Record, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { describeOperation } from "./OperationDescription.ts"
import { formMaxBody, MaxBody } from "./RouteFacts.ts"

const page = (description: string, heading: string) =>
  Schema.String.annotate({
    description,
    examples: [`<!doctype html>\n<html lang="en">\n<head>\n<title>${heading}</title>\n</head>\n</html>\n`]
  }).pipe(HttpApiSchema.asText({ contentType: "text/html; charset=utf-8" }))

const failurePage = (status: number, description: string, heading: string) =>
  page(description, heading).pipe(HttpApiSchema.status(status))

const failures = [
  failurePage(400, "The request is not valid HTTP, or the form cannot be parsed.", "The request could not be read"),
  failurePage(403, "The host is not served here, or HTTPS is required.", "This address is not the right one"),
  failurePage(404, "The link was not made by this service, or is not complete.", "This link does not work"),
  failurePage(429, "Too many invalid links of this address, or changes of this user.", "Too many attempts"),
  failurePage(500, "An unexpected error of the service.", "Something went wrong"),
  failurePage(503, "PostgreSQL cannot be reached, or the request took too long.", "Please try again soon")
] as const

const formFailures = [
  failurePage(
    409,
    "The preferences have another version than the form. Nothing was saved.",
    "Notification preferences"
  ),
  failurePage(413, "The form is larger than 16 KiB.", "The form is too large"),
  failurePage(415, "The body is not a form, or it has a `Content-Encoding`.", "The form could not be read"),
  failurePage(
    422,
    "The form makes no choice, has invalid quiet hours, or names a switch that security notifications obey. Nothing was changed.",
    "Nothing was changed"
  )
] as const

const params = {
  token: Schema.String.annotate({
    description: "The signed token of a link, as it is in `unsubscribe` of a resolved delivery."
  })
}

const optional = (description: string) => Schema.optionalKey(Schema.String.annotate({ description }))

const switchFields = Record.map(
  {
    email_marketing: "marketing e-mails",
    email_transactional: "transactional e-mails",
    email_system: "system e-mails",
    push_marketing: "marketing push notifications",
    push_transactional: "transactional push notifications",
    push_system: "system push notifications"
  },
  (kind) => optional(`Switches ${kind} on, whatever its value. Absent: switches them off.`)
)

const UnsubscribeForm = Schema.Struct({
  "List-Unsubscribe": optional("`One-Click` unsubscribes, as mail providers do it (RFC 8058, section 3.1)."),
  action: Schema.optionalKey(
    Schema.Literals(["unsubscribe", "undo", "save"]).annotate({
      description:
        "`unsubscribe` does what `One-Click` does, and `undo` takes it back unless a later choice was made with a login. A link to all " +
        "preferences takes only `save`, which applies the fields below."
    })
  ),
  version: optional("The version of the preferences that the form shows."),
  ...switchFields,
  do_not_disturb_start: optional("The start of the quiet hours, `HH:MM`. Empty or absent: none."),
  do_not_disturb_end: optional("The end of the quiet hours, `HH:MM`. Empty or absent: none.")
}).annotate({
  identifier: "UnsubscribeForm",
  description: "The form of a page behind a link. Unknown fields are ignored."
})

/** The pages behind links in mails. They are declared here only for the OpenAPI document and the route table. */
export class UnsubscribeApi extends HttpApiGroup.make("unsubscribe")
  .add(
    HttpApiEndpoint.get("show", "/u/:token", {
      params,
      success: page(
        "The page. An expired link, and that of an erased user, lead to a page without state.",
        "Unsubscribe from marketing emails?"
      ),
      error: failures
    }).annotateMerge(
      describeOperation({
        id: "showUnsubscribePage",
        summary: "Show the page behind a link in a mail",
        description:
          "Changes nothing, because mail scanners follow links. `url` of a resolved delivery leads to a page with one button, and " +
          "`manage_url` to one with all switches and the quiet hours. The page needs no session, cookie or script."
      })
    ),
    HttpApiEndpoint.post("change", "/u/:token", {
      params,
      payload: UnsubscribeForm.pipe(HttpApiSchema.asFormUrlEncoded()),
      success: page("The page that says what was changed.", "You are unsubscribed"),
      error: [...failures, ...formFailures]
    })
      .annotate(MaxBody, formMaxBody)
      .annotateMerge(
        describeOperation({
          id: "changeByLink",
          summary: "Unsubscribe with one click, or change preferences",
          description:
            "A link of a category switches that category of its channel off, at once, without a redirect, and as often as it is " +
            "repeated (RFC 8058). A link to all preferences saves the form of its page. The switches that security notifications " +
            "obey, those of whole channels included, cannot be changed without a session.",
          example: { "List-Unsubscribe": "One-Click" }
        })
      )
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Unsubscribe links",
      description:
        "The pages behind the links that `resolveDeliveries` makes with `unsubscribe: true`. All responses are HTML, those to " +
        "failures too."
    })
  ) {}
