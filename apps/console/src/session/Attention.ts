import { focusManager } from "@tanstack/react-query"
import { Duration, Effect, type Fiber } from "effect"
import { useSyncExternalStore } from "react"

/** The minutes without input after which a page does not refresh itself any more. */
export const attentionMinutes = 5

/**
 * Lets pages refresh themselves only while somebody uses them: each request counts as use of the session, so an unattended page that
 * reads again and again would keep an idle session from ending (decision 0045). A click or a key, or the return to a page that was
 * hidden, reads what is outdated, and the page refreshes itself again.
 */
export const watchAttention = (): void =>
  focusManager.setEventListener((setAttended) => {
    const listeners = new AbortController()
    let timer: Fiber.Fiber<void> | undefined
    const pause = () => {
      timer?.interruptUnsafe()
      setAttended(false)
    }
    const prolong = () => {
      timer?.interruptUnsafe()
      timer = Effect.runFork(
        Effect.delay(
          Effect.sync(() => setAttended(false)),
          Duration.minutes(attentionMinutes)
        )
      )
    }
    const resume = () => {
      prolong()
      setAttended(true)
    }
    // It does not resume: the page would move under the pointer. A browser also reports moves when only the page has moved.
    const move = ({ movementX, movementY }: PointerEvent) => {
      if (focusManager.isFocused() && (movementX !== 0 || movementY !== 0)) prolong()
    }
    const options = { capture: true, passive: true, signal: listeners.signal }
    addEventListener("pointermove", move, options)
    for (const input of ["click", "keydown"]) addEventListener(input, resume, options)
    document.addEventListener("visibilitychange", () => (document.hidden ? pause() : resume()), options)
    if (document.hidden) pause()
    else resume()
    return () => {
      listeners.abort()
      timer?.interruptUnsafe()
    }
  })

/** Whether the page refreshes itself, since somebody uses it. */
export const isAttended = (): boolean => focusManager.isFocused()

/** {@link isAttended}, as the state of a component. */
export const useIsAttended = (): boolean => useSyncExternalStore(focusManager.subscribe, isAttended)

/** Makes the page refresh itself again. */
export const resumeAttention = (): void => focusManager.setFocused(true)
