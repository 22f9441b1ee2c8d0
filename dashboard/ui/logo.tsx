export const Logo = ({ size = 24 }: { size?: number }) => (
  <svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" class="logo-ground" />
    <path class="logo-lines" d="M11 16h3c3 0 3-6 6-6h1M14 16c3 0 3 6 6 6h1" />
    <circle class="logo-dots" cx="8.5" cy="16" r="3" />
    <circle class="logo-dots" cx="23.5" cy="10" r="3" />
    <circle class="logo-dots" cx="23.5" cy="22" r="3" />
  </svg>
);
