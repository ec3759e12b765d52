// What the sign-in page needs, in one file: each request counts where the line is slow.
import "./page";
import "./passkey";
