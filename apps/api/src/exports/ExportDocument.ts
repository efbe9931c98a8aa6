import type { AccountExport } from "@user-service/core/exports/Exports"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import type { TokenInvalid } from "@user-service/domain/Token"
import {
  type AccountExportBody,
  deliveryDecisionEntryBody,
  exportedMessage,
  securityLogEntryBody,
  sessionRecordBody,
  suppressionBody
} from "@user-service/schema/AccountExport"
import { deliveryBody } from "@user-service/schema/Delivery"
import { preferenceChangeBody } from "@user-service/schema/PreferenceHistory"
import { pushTokenBody } from "@user-service/schema/PushToken"
import { timestamp } from "@user-service/schema/Timestamp"
import { userBody } from "@user-service/schema/User"
import { Stream } from "effect"
import { successParts } from "../endpoints/Answers.ts"

type Failure = TokenInvalid | ServiceUnavailable
type Text = Stream.Stream<string, Failure>

const value = (json: unknown): Text => Stream.sync(() => JSON.stringify(json))

// One text for each page that was read.
const list = <A>(items: Stream.Stream<A, Failure>, toBody: (item: A) => unknown): Text =>
  Stream.make("[").pipe(
    Stream.concat(
      Stream.mapArray(items, (page, index) => [
        `${index === 0 ? "" : ","}${page.map((item) => JSON.stringify(toBody(item))).join(",")}`
      ])
    ),
    Stream.concat(Stream.make("]"))
  )

/** The response with an export, as JSON text in the envelope. It fails instead of ending if the export is not complete. */
export const exportDocument = (exported: AccountExport, current: SessionId): Text => {
  const fields: { readonly [Name in keyof typeof AccountExportBody.Type]: Text } = {
    exported_at: value(timestamp(exported.exportedAt)),
    user: value(userBody(exported.user)),
    preferences_history: list(exported.preferencesHistory, preferenceChangeBody),
    sessions: list(exported.sessions, (session) => sessionRecordBody(session, current)),
    push_tokens: list(exported.pushTokens, pushTokenBody),
    deliveries: list(exported.deliveries, deliveryBody),
    delivery_decisions: list(exported.deliveryDecisions, deliveryDecisionEntryBody),
    suppressions: list(exported.suppressions, suppressionBody),
    security_log: list(exported.securityLog, securityLogEntryBody)
  }
  const { after, before } = successParts(exportedMessage)
  return Stream.make(before).pipe(
    Stream.concat(
      Stream.flatMap(Stream.fromIterable(Object.entries(fields).entries()), ([index, [name, text]]) =>
        Stream.concat(Stream.make(`${index === 0 ? "{" : ","}"${name}":`), text)
      )
    ),
    Stream.concat(Stream.drain(Stream.fromEffect(exported.verify))),
    Stream.concat(Stream.make(`}${after}`))
  )
}
