"""What goes wrong with a laptop's cloud; the message of each says what to do.

CloudError            the server does not start, or a process cannot be ended
├── PortTaken         another process listens on a port that the cloud wants
├── DeploymentError   the app could not be built for the cloud, or deployed to it
└── ToolchainError    Java, Node.js or the CDK is missing and could not be installed
"""


class CloudError(RuntimeError):
    """The server does not start, or a process cannot be ended."""


class PortTaken(CloudError):
    """Another process listens on a port that the cloud wants."""


class DeploymentError(CloudError):
    """The app could not be built for the cloud, or deployed to it."""


class ToolchainError(CloudError):
    """Java, Node.js or the CDK is missing and could not be installed."""
