import { assert, describe, it } from "@effect/vitest"
import { Delivery, DeliveryId, DeliveryStatus, NotificationId } from "@user-service/domain/Delivery"
import { recordedEvidence } from "@user-service/domain/deliveries/DeliveryExplanation"
import { deny, type Decision, type Evidence } from "@user-service/domain/deliveries/DeliveryRules"
import { deliveryStep, nextStep } from "@user-service/domain/deliveries/NextStep"
import { PreferenceSource } from "@user-service/domain/PreferenceHistory"
import { defaultSettings, LocalTime, PreferenceSettings } from "@user-service/domain/Preferences"
import { DateTime } from "effect"

const at = DateTime.makeUnsafe("2026-11-30T22:15:00Z")

const evidenceOf = (more: Partial<Evidence> = {}): Evidence => ({
  ...recordedEvidence({ rule: null, at, utcOffset: 60, frequencyLimit: 50, charged: 50, settings: null }),
  ...more
})

const stepOf = (decision: Decision, evidence = evidenceOf()) =>
  nextStep({ decision, channel: "email", category: "marketing", evidence, change: null })

const delivery = (status: DeliveryStatus, more: Partial<Delivery> = {}) =>
  new Delivery({
    id: DeliveryId.make("0193a5c3-4d1c-7a52-b0c4-9e7f1d2a6b35"),
    notificationId: NotificationId.make("order-1815"),
    channel: "email",
    category: "system",
    status,
    error: null,
    errorCode: null,
    provider: null,
    createdAt: at,
    updatedAt: at,
    ...more
  })

describe("nextStep", () => {
  it("says since when and why an address is suppressed", () => {
    assert.strictEqual(
      stepOf(deny("suppressed"), evidenceOf({ suppression: { reason: "hard_bounce", since: at } })),
      "The mail server of the address refused an e-mail for good on 2026-11-30, so the address is suppressed. It must not be " +
        "written to until the user changes or verifies it, or a member of staff lifts the suppression."
    )
    assert.match(
      stepOf(deny("suppressed"), evidenceOf({ suppression: { reason: "complaint", since: at } })),
      /^The user reported an e-mail as spam on 2026-11-30, so the address is suppressed\./u
    )
  })

  it("names the quiet hours, the limit, and the time from which on the sender may ask again", () => {
    const until = DateTime.makeUnsafe("2026-12-01T06:00:00Z")
    const preferences = new PreferenceSettings({
      ...defaultSettings,
      doNotDisturbStart: LocalTime.make("22:00:00"),
      doNotDisturbEnd: LocalTime.make("07:00:00")
    })
    assert.strictEqual(
      stepOf(
        { decision: "defer", rule: "do_not_disturb", until },
        evidenceOf({ preferences, timezone: "Europe/Berlin" })
      ),
      "The user has quiet hours from 22:00 to 07:00 (Europe/Berlin). The sender can resolve the notification again from " +
        "2026-12-01 06:00 UTC on."
    )
    assert.strictEqual(
      stepOf({ decision: "defer", rule: "frequency_limit", until }, evidenceOf({ frequencyLimit: 1 })),
      "The user has reached the daily limit of 1 notification. The sender can resolve the notification again from " +
        "2026-12-01 06:00 UTC on. The user can raise the limit, or a member of staff, if the user asks for it."
    )
    assert.match(stepOf(deny("frequency_limit")), /^The user has set the daily limit to 0/u)
  })

  it("is a text of whole sentences for every way in which a switch was changed", () => {
    for (const source of PreferenceSource.literals) {
      for (const rule of ["channel_disabled", "category_disabled"] as const) {
        const decided = { decision: deny(rule), channel: "push", category: "system", evidence: evidenceOf() } as const
        const step = nextStep({ ...decided, change: { at, source } })
        assert.match(step, /^[A-Z].* on 2026-11-30.*[.]$/u)
        assert.include(step, rule === "channel_disabled" ? "all push notifications" : "system push notifications")
      }
    }
  })
})

describe("deliveryStep", () => {
  it("is a text of whole sentences for every status, with the time and the reason of a failure", () => {
    for (const status of DeliveryStatus.literals) assert.match(deliveryStep(delivery(status)), /^[A-Z].*[.]$/u)
    assert.strictEqual(
      deliveryStep(delivery("failed", { error: "Requested entity was not found.", errorCode: "UNREGISTERED" })),
      "Sending failed: UNREGISTERED, as reported at 2026-11-30 22:15 UTC. Ask the sender to send it again."
    )
    assert.match(deliveryStep(delivery("sent", { provider: "ses" })), /^It was sent by ses, as reported at/u)
  })
})
