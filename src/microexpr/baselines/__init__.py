"""The compared systems: those of the poster's last table, and yardsticks of the field.

This table needs neither NumPy nor PyTorch. ``docs/adding-a-baseline.md`` shows how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from microexpr.config import Compare, Data, KeyFrames, Protocol, Train
from microexpr.config.base import Only, Settings
from microexpr.config.training import FoldSettings
from microexpr.runtime.registry import Registry

if TYPE_CHECKING:
    from microexpr.baselines.base import System


@dataclass(frozen=True)
class Published:
    """What a system's authors, or those who cite them, print for SMIC."""

    protocol: str = ""  # how it was measured
    source: str = ""  # where it is printed
    accuracy: float | None = None  # 0..1, as the others
    uf1: float | None = None
    uar: float | None = None
    macro_precision: float | None = None  # where it is printed as UAR


@dataclass(frozen=True)
class ComparedSystem:
    """A system of other authors."""

    name: str  # as in ``compare.systems``
    system: str  # its class, ``"package.module:Class"``
    label: str  # for people
    published: Published = Published()  # for SMIC

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        return (self.system,)


OWN_NETWORK = "vggface2_bilstm"  # reads caches of features and the section train
LOSO = "leave one subject out, 164 clips"
COMPOSITE = "leave one subject out, SMIC part of the composite of 442 clips"
MEB = "Varanka et al. 2024, arXiv:2211.11425"
PUBLISHED = {
    "micro_exp_stcnn": Published(
        "one 80/20 split of 156 clips, subjects on both sides, best epoch on test clips",
        "Reddy et al. 2019, arXiv:1904.01390",
        accuracy=0.6875,
    ),
    "fcnn_3d": Published(LOSO, "Li et al. 2019", accuracy=0.5549),
    "hierarchical_lbp_top": Published(
        LOSO,
        "Zong et al. 2018, as in Guo et al. 2020, Table VII (the poster prints 55.49 %)",
        accuracy=0.6078,
    ),
    "evm_tim": Published(LOSO, "Peng et al. 2019, arXiv:1901.07765", accuracy=0.6890),
    "setfnet": Published("not seen", "Yao et al., ICCEA 2020", accuracy=0.7025),
    OWN_NETWORK: Published(
        "one of five folds of clips, 66 clips, four classes, N and batch chosen on it",
        "Bai and Goecke 2020, doi:10.1145/3395035.3425248",
        accuracy=0.6060,
    ),
    "ststnet": Published(
        COMPOSITE,
        "Liong et al. 2019, arXiv:1902.03634; the UAR that is printed is macro precision; "
        "UAR here is the mean recall of the log in the authors' repository",
        uf1=0.6801,
        uar=0.6703,
        macro_precision=0.7013,
    ),
    "sssnet": Published(COMPOSITE, f"re-run of {MEB}, last epoch: tvaranka/meb", uf1=0.699),
    "flow_svm": Published("no figure for SMIC seen", f"{MEB}: CD6ME, macro F1 0.658"),
    "mdmo": Published("no figure for SMIC seen", f"{MEB}: CD6ME, macro F1 0.609"),
    "off_apexnet": Published(
        COMPOSITE,
        "Gan et al. 2019, arXiv:1805.08699; figures as MEGC 2019 lists them",
        uf1=0.68,
        uar=0.67,
    ),
}
ROWS = (
    ("micro_exp_stcnn", "cnn_3d:MicroExpSTCNN", "MicroExpSTCNN"),
    ("fcnn_3d", "cnn_3d:FCNN3D", "3D-FCNN"),
    ("hierarchical_lbp_top", "lbp_top:HierarchicalLBPTOP", "hierarchical LBP-TOP"),
    ("evm_tim", "lbp_top:EVMTIM", "EVM + TIM"),
    ("setfnet", "cnn_3d:SETFNet", "SETFNet"),
    (OWN_NETWORK, "vggface2_bilstm:VGGFace2BiLSTM", "VGGFace2 + Bi-LSTM"),
    ("ststnet", "apex_networks:STSTNet", "STSTNet"),
    ("sssnet", "apex_networks:SSSNet", "SSSNet"),
    ("flow_svm", "flow_svm:FlowSVM", "optical flow + RBF SVM"),
    ("mdmo", "flow_svm:MDMO", "MDMO + SVM"),
    ("off_apexnet", "apex_networks:OFFApexNet", "OFF-ApexNet"),
)
SYSTEMS = Registry(
    "compare.systems",
    [ComparedSystem(name, f"{__name__}.{at}", label, PUBLISHED[name]) for name, at, label in ROWS],
)


class SystemSettings(Settings):
    """What the predictions of a system follow from."""

    data: Annotated[Data, Only("kind", "root", "labels")]
    train: Annotated[Train, Only("class_weights")]
    protocol: Annotated[Protocol, Only("name")]
    compare: Annotated[Compare, Only("seeds", "epochs", "apex")]
    key_frames: Annotated[KeyFrames, Only("onset_error", "apex_error")]


class STSTNetSettings(SystemSettings):
    """The same for STSTNet."""

    compare: Annotated[Compare, Only("seeds", "epochs", "apex", "ststnet")]


class OwnNetworkSettings(FoldSettings):
    """The same for the system that is this pipeline's own network."""

    compare: Annotated[Compare, Only("seeds", "against.n")]


def build(name: str, settings: SystemSettings | OwnNetworkSettings, device: str = "cpu") -> System:
    """Make one of ``compare.systems`` from the settings of stage train_system."""
    system: System = SYSTEMS.load(name, "system")(settings, device)
    return system
