import type { ButtonHTMLAttributes } from "react"

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "className" | "disabled"> {
  readonly look?: "primary" | "danger" | "quiet"
  /** Whether its action runs. The button keeps the focus and ignores clicks until then. */
  readonly isBusy?: boolean
}

export const Button = ({ isBusy = false, look, onClick, type = "button", ...props }: ButtonProps) => (
  <button
    {...props}
    // oxlint-disable-next-line react/button-has-type
    type={isBusy ? "button" : type}
    className={look === undefined ? "button" : `button ${look}`}
    aria-disabled={isBusy || undefined}
    onClick={isBusy ? undefined : onClick}
  />
)
