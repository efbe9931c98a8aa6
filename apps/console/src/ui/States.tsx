import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router"
import type { ReactNode } from "react"
import { type ApiFailure, asApiFailure } from "../api/ApiFailure.ts"
import { Button } from "./Button.tsx"
import { useTitle } from "./Title.ts"

const Notice = ({ actions, children, title }: { title: string; children: ReactNode; actions?: ReactNode }) => {
  useTitle(title)
  return (
    <section className="notice" aria-labelledby="notice-title">
      <h1 id="notice-title">{title}</h1>
      {children}
      {actions === undefined ? null : <div className="actions">{actions}</div>}
    </section>
  )
}

export const NotFoundPage = () => (
  <Notice title="Nothing here" actions={<HomeLink />}>
    <p>This link does not lead to a page of the console, or what it showed does not exist any more.</p>
  </Notice>
)

export const ForbiddenPage = ({ children }: { children?: ReactNode }) => (
  <Notice title="Your role does not allow this" actions={<HomeLink />}>
    <p>{children ?? "Ask an admin for a higher role. A change of roles takes effect at once."}</p>
  </Notice>
)

/** The page for an act that nobody does to their own account. */
export const OwnAccountPage = () => (
  <Notice title="Not on your own account" actions={<HomeLink />}>
    <p>Nobody changes their own role, or disables or erases their own account. Ask another admin.</p>
  </Notice>
)

const HomeLink = () => (
  <Link to="/" className="button">
    Users
  </Link>
)

export const PendingPage = () => (
  <output className="pending">
    <span className="spinner" aria-hidden="true" />
    Loading …
  </output>
)

/** The page for an error while a page was loading or rendering. */
export const FailurePage = ({ error, reset }: ErrorComponentProps) => {
  const router = useRouter()
  const failure = asApiFailure(error)
  if (failure.status === 403) return <ForbiddenPage />
  if (failure.status === 404) return <NotFoundPage />
  const retry = () => {
    reset()
    return router.invalidate()
  }
  return (
    <Notice title="This did not load" actions={<Button onClick={retry}>Try again</Button>}>
      <FailureText failure={failure} />
    </Notice>
  )
}

/** The message of a failure, and what its reader can do. */
export const FailureText = ({ failure }: { failure: ApiFailure }) => (
  <>
    <p>{messageOf(failure)}</p>
    {failure.requestId === undefined || failure.status < 500 ? null : (
      <p className="soft">
        Request <code>{failure.requestId}</code>
      </p>
    )}
  </>
)

const messageOf = ({ message, retryAfterSeconds, status }: ApiFailure): string => {
  if (status === 429) return `Too many requests. ${waitText(retryAfterSeconds)}`
  // The message repeats the time to wait.
  if (status === 503) return `${message.replace(/, try again in .*$/, "")}. ${waitText(retryAfterSeconds)}`
  return message.endsWith(".") ? message : `${message}.`
}

const waitText = (seconds: number | undefined): string => {
  if (seconds === undefined) return "Try again in a moment."
  if (seconds < 120) return `Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`
  return `Try again in ${Math.ceil(seconds / 60)} minutes.`
}

/** The problems of each field, as forms take them. */
export const errorsOf = (failure: ApiFailure | null): Record<string, Array<string>> =>
  failure === null ? {} : Object.fromEntries(Object.entries(failure.fields).map(([name, texts]) => [name, [...texts]]))
