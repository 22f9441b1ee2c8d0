/** The version of this package, as registered by every process of a fleet. The release changes it together with package.json. */
export const VERSION = '0.1.0';
