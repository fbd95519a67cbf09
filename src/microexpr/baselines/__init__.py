"""The compared systems: those of the poster's last table, and two yardsticks of the field.

They run on the crops and in the folds of this pipeline. One module per system; its docstring says
what is published, what is specified and what had to be inferred. :mod:`.base` defines what a system
is, ``docs/adding-a-baseline.md`` shows how to add one. This table needs neither NumPy nor PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from microexpr.config.base import Settings
from microexpr.config.data import LabelledPlace
from microexpr.config.protocol import ProtocolName
from microexpr.config.studies import OwnSystem, SystemTraining
from microexpr.config.training import ClassWeights, FoldSettings
from microexpr.runtime.registry import Registry

if TYPE_CHECKING:
    from microexpr.baselines.base import System

__all__ = ["OWN_NETWORK", "SYSTEMS", "ComparedSystem", "Published", "build", "published"]


@dataclass(frozen=True)
class Published:
    """What a system's authors, or those who cite them, print for SMIC.

    Parameters
    ----------
    protocol : str
        How it was measured.
    source : str
        Where it is printed.
    accuracy, uf1, uar : float, optional
        0..1.
    """

    protocol: str = ""
    source: str = ""
    accuracy: float | None = None
    uf1: float | None = None
    uar: float | None = None


@dataclass(frozen=True)
class ComparedSystem:
    """A system of other authors.

    Parameters
    ----------
    name : str
        As in ``compare.systems``.
    system : str
        Its class, ``"package.module:Class"``.
    label : str
        For people.
    published : Published
        Its figure for SMIC.
    """

    name: str
    system: str
    label: str
    published: Published = Published()

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        return (self.system,)


OWN_NETWORK = "vggface2_bilstm"  # reads caches of features and the section train
LOSO = "leave one subject out, 164 clips"
COMPOSITE = "leave one subject out, SMIC part of the composite of 442 clips"
SYSTEMS = Registry(
    "compare.systems",
    [
        ComparedSystem(
            "micro_exp_stcnn",
            "microexpr.baselines.micro_exp_stcnn:MicroExpSTCNN",
            "MicroExpSTCNN",
            Published(
                "one 80/20 split of 156 clips, subjects on both sides, best epoch on test clips",
                "Reddy et al. 2019, arXiv:1904.01390",
                accuracy=0.6875,
            ),
        ),
        ComparedSystem(
            "fcnn_3d",
            "microexpr.baselines.fcnn_3d:FCNN3D",
            "3D-FCNN",
            Published(LOSO, "Li et al. 2019", accuracy=0.5549),
        ),
        ComparedSystem(
            "hierarchical_lbp_top",
            "microexpr.baselines.hierarchical_lbp_top:HierarchicalLBPTOP",
            "hierarchical LBP-TOP",
            Published(
                LOSO,
                "Zong et al. 2018, as in Guo et al. 2020, Table VII (the poster prints 55.49 %)",
                accuracy=0.6078,
            ),
        ),
        ComparedSystem(
            "evm_tim",
            "microexpr.baselines.evm_tim:EVMTIM",
            "EVM + TIM",
            Published(LOSO, "Peng et al. 2019, arXiv:1901.07765", accuracy=0.6890),
        ),
        ComparedSystem(
            "setfnet",
            "microexpr.baselines.setfnet:SETFNet",
            "SETFNet",
            Published("not seen", "Yao et al., ICCEA 2020", accuracy=0.7025),
        ),
        ComparedSystem(
            OWN_NETWORK,
            "microexpr.baselines.vggface2_bilstm:VGGFace2BiLSTM",
            "VGGFace2 + Bi-LSTM",
            Published(
                "one of five folds of clips, 66 clips, four classes, N and batch chosen on it",
                "Bai and Goecke 2020, doi:10.1145/3395035.3425248",
                accuracy=0.6060,
            ),
        ),
        ComparedSystem(
            "ststnet",
            "microexpr.baselines.ststnet:STSTNet",
            "STSTNet",
            Published(
                COMPOSITE,
                "Liong et al. 2019, arXiv:1902.03634, and the authors' repository",
                uf1=0.68,
                uar=0.7013,
            ),
        ),
        ComparedSystem(
            "off_apexnet",
            "microexpr.baselines.off_apexnet:OFFApexNet",
            "OFF-ApexNet",
            Published(
                COMPOSITE,
                "Gan et al. 2019, arXiv:1805.08699; figures as MEGC 2019 lists them",
                uf1=0.68,
                uar=0.67,
            ),
        ),
    ],
)


class SystemSettings(Settings):
    """What the predictions of a system follow from."""

    data: LabelledPlace
    train: ClassWeights
    protocol: ProtocolName
    compare: SystemTraining


class OwnNetworkSettings(FoldSettings):
    """The same for the system that is this pipeline's own network."""

    compare: OwnSystem


def build(name: str, settings: SystemSettings | OwnNetworkSettings, device: str = "cpu") -> System:
    """Make a system.

    Parameters
    ----------
    name : str
        One of ``compare.systems``.
    settings : SystemSettings or OwnNetworkSettings
        What stage train_system reads.
    device : str
        ``cpu`` or ``cuda``.
    """
    system: System = SYSTEMS.load(name, "system").of(settings, device)
    return system


def published(name: str) -> Published:
    """Return the published figure of a system."""
    return SYSTEMS[name].published
