import { assert, describe, it } from "@effect/vitest"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { Unsubscriptions } from "@user-service/core/unsubscribe/Unsubscriptions"
import { UnsubscriptionsRepo } from "@user-service/core/unsubscribe/UnsubscriptionsRepo"
import { categorySwitches, channelSwitches } from "@user-service/domain/deliveries/DeliveryRules"
import { Channel } from "@user-service/domain/Delivery"
import type { PreferencesPatch } from "@user-service/domain/Preferences"
import { Context, Effect, Layer, Option } from "effect"
import { layer, register, tagOf } from "../TestCore.ts"

const someone = Effect.gen(function* () {
  const { userId } = yield* register
  const { update } = yield* Preferences
  return {
    link: { userId, channel: "email", category: "marketing" } as const,
    inTheApp: (patch: PreferencesPatch) => update({ userId, patch })
  }
})

// The service, with changes that are made after the repository's first read of a switch.
const withChoicesAfterFirstRead = Effect.fnUntraced(function* (
  choices: ReadonlyArray<Effect.Effect<unknown, unknown>>
) {
  let pending = choices
  const repo = Layer.effect(
    UnsubscriptionsRepo,
    Effect.map(UnsubscriptionsRepo, (repo) => ({
      ...repo,
      findSwitch: (...query: Parameters<typeof repo.findSwitch>) =>
        Effect.tap(repo.findSwitch(...query), () => {
          const made = pending
          pending = []
          return Effect.orDie(Effect.all(made))
        })
    }))
  ).pipe(Layer.provide(UnsubscriptionsRepo.layer))
  return Context.get(
    yield* Layer.build(Layer.fresh(Unsubscriptions.layerNoDeps).pipe(Layer.provide([repo, Preferences.layer]))),
    Unsubscriptions
  )
})

describe("Unsubscriptions", () => {
  it.layer(layer())((it) => {
    it.effect("undo switches on what a link switched off, also after other changes", () =>
      Effect.gen(function* () {
        const { switchOff, undo } = yield* Unsubscriptions
        const { inTheApp, link } = yield* someone
        const off = Option.getOrThrow(yield* switchOff(link))
        assert.deepInclude(off, { isOn: false, isUndoable: true })
        yield* inTheApp({ emailSystem: false })
        assert.isTrue(Option.getOrThrow(yield* undo(link)).isOn)
      })
    )

    it.effect("undo leaves a switch that the user switched off, before or after the link was used", () =>
      Effect.gen(function* () {
        const { findSwitch, switchOff, undo } = yield* Unsubscriptions
        const before = yield* someone
        yield* before.inTheApp({ emailMarketing: false })
        yield* switchOff(before.link)
        const after = yield* someone
        yield* switchOff(after.link)
        yield* after.inTheApp({ emailMarketing: true })
        yield* after.inTheApp({ emailMarketing: false })
        for (const { link } of [before, after]) {
          assert.deepInclude(Option.getOrThrow(yield* undo(link)), { isOn: false, isUndoable: false })
          assert.isFalse(Option.getOrThrow(yield* findSwitch(link)).isOn)
        }
      })
    )

    it.effect("undo leaves what the user chose between its read and its write", () =>
      Effect.gen(function* () {
        const { findSwitch, switchOff } = yield* Unsubscriptions
        const { inTheApp, link } = yield* someone
        yield* switchOff(link)
        const choices = [true, false].map((emailMarketing) => inTheApp({ emailMarketing }))
        const { undo } = yield* withChoicesAfterFirstRead(choices)
        assert.deepInclude(Option.getOrThrow(yield* undo(link)), { isOn: false, isUndoable: false })
        assert.isFalse(Option.getOrThrow(yield* findSwitch(link)).isOn)
      })
    )

    it.effect("no change by a link can silence security notifications", () =>
      Effect.gen(function* () {
        const { find, save } = yield* Unsubscriptions
        const { link } = yield* someone
        const before = Option.getOrThrow(yield* find(link.userId)).preferences
        for (const channel of Channel.literals) {
          for (const name of [channelSwitches[channel], categorySwitches[channel].security]) {
            const patch = { emailSystem: false, [name]: false }
            assert.strictEqual(yield* tagOf(save(link.userId, patch, before.version)), "SwitchesProtected")
          }
        }
        assert.deepStrictEqual(Option.getOrThrow(yield* find(link.userId)).preferences, before)
        const saved = yield* save(link.userId, { emailSystem: false }, before.version)
        assert.isFalse(saved.emailSystem)
      })
    )
  })
})
